package dev.krait.template;

/// Python's `None`.
enum None {
  NONE
}
