package dev.krait.text.jinja;

/// What an unknown name or attribute gives: false, empty when printed, an error when used
/// otherwise.
///
/// @param problem what is undefined, the message of that error
record Undefined(String problem) {
  TemplateException use() {
    return TemplateException.evaluation(problem);
  }
}
