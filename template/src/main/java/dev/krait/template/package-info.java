/// Chat templates of Hugging Face models: the dialect of Jinja that transformers renders, with the
/// values and operators of Python, as a library without dependencies.
///
/// [Template] is all there is to use:
///
/// ```java
/// Template template = Template.parse(source);
/// String prompt = template.render(Map.of("messages", messages, "add_generation_prompt", true));
/// ```
@NullMarked
package dev.krait.template;

import org.jspecify.annotations.NullMarked;
