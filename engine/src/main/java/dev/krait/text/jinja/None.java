package dev.krait.text.jinja;

/// Python's `None`; templates see it where JSON has null.
enum None {
  NONE
}
