/// Models by name: found in the Hugging Face cache, or downloaded into it in the layout of the
/// Python client, which finds them there, too.
///
/// Read [Hub] first. Commands call it from one thread; downloads of several files run beside each
/// other. Only the JDK's HTTP client is used.
@NullMarked
package dev.krait.server.hub;

import org.jspecify.annotations.NullMarked;
