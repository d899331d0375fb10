/// The Jinja dialect of Hugging Face chat templates on the Jinjava library: [PromptTemplate] and
/// its [TemplateException]. The library scans, parses and walks the template; the operators,
/// values, filters and loops are ours, because they must print what Python prints and stay within a
/// budget.
@NullMarked
package dev.krait.text.template;

import org.jspecify.annotations.NullMarked;
