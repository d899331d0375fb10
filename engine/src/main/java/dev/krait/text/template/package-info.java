/// The Jinja dialect of Hugging Face chat templates on the Jinjava library: [PromptTemplate] and
/// its [TemplateException]. The library scans, parses and walks the template; the grammar of
/// expressions, operators, values, filters, loops and macros are ours, because they must print what
/// Python prints and stay within a budget.
@NullMarked
package dev.krait.text.template;

import org.jspecify.annotations.NullMarked;
