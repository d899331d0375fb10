/// The Jinja dialect of chat templates: [Template] is compiled once and rendered under a budget.
/// Jinjava reads delimiters, blocks and whitespace control; expressions, values and tags are
/// evaluated here, with Python's semantics and a price for every step, because a template comes
/// with a checkpoint and must neither hang nor exhaust the process. Any thread may render.
@NullMarked
package dev.krait.text.jinja;

import org.jspecify.annotations.NullMarked;
