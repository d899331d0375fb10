package dev.krait.text.template;

/// Python's None and JSON's null; a Java null is an undefined value.
enum None {
  NONE
}
