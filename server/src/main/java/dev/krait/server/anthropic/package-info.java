/// Anthropic's Messages API over the chat path.
@NullMarked
package dev.krait.server.anthropic;

import org.jspecify.annotations.NullMarked;
