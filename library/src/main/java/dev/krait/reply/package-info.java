/// What a model's text means: its reasoning, its answer and its calls of tools.
///
/// Read [ReplyEvent], then [ReplyParser], then the tables [ToolFormat] and [ReasoningFormat]. Knows
/// no protocol and no engine; a parser has one reader.
@NullMarked
package dev.krait.reply;

import org.jspecify.annotations.NullMarked;
