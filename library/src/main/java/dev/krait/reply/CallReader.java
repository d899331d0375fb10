package dev.krait.reply;

/// Reads one call of a tool in one syntax.
sealed interface CallReader permits JsonCall, NamedCall, PythonCall, XmlCall {

  /// How far reading came.
  enum Step {
    /// All that came was read; the call goes on.
    MORE,
    /// The call is over; what is unread is behind it.
    DONE,
    /// The unread text cannot belong to a call.
    BROKEN
  }

  /// Hears what was read.
  interface Sink {
    /// The tools that a call may name.
    Tools tools();

    /// A call begins.
    ///
    /// @param id what the model calls it; empty when it does not
    void begin(String name, String id);

    /// More of the arguments, after [#begin].
    void arguments(String piece);
  }

  /// Reads on.
  Step read(Input input, Sink sink);

  /// Whether the call is whole but for what closes it.
  default boolean mayEnd() {
    return false;
  }
}
