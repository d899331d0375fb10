package dev.krait.text;

/// What a template reads as the content of a message.
enum ContentForm {
  TEXT,
  PARTS,
  BOTH
}
