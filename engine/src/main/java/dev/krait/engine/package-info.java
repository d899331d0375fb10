/// The engine as a whole: configuration, the loop, and the handle that other threads hold.
///
/// Read [Engine], then [EngineLoop]. Only [EngineHandle] and the streams it returns may be used
/// from any thread.
@NullMarked
package dev.krait.engine;

import org.jspecify.annotations.NullMarked;
