package dev.krait.text.template;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.tree.ExpressionNode;
import com.hubspot.jinjava.tree.Node;

/// Counts the work of one rendering. Operations pay before they work, so that none runs longer than
/// the rest of the budget allows; nothing is timed, so the same input always ends the same way.
final class Budget {
  static final int TEMPLATE_CHARS = 256 * 1024;
  static final int BLOCK_DEPTH = 32;
  static final int BRACKET_DEPTH = 32;
  static final int EXPRESSION_TOKENS = 1_000;
  static final int MACRO_DEPTH = 24;
  static final int VALUE_DEPTH = 100;
  static final int DATE_FORMAT_CHARS = 1_000;
  static final int RANGE_ITEMS = 100_000;

  /// Longest text of any one operation, the output included.
  static final int TEXT_CHARS = 8 * 1024 * 1024;

  /// Some tens of nanoseconds each: a second or two at most, with texts of at most 80 million
  /// characters in total.
  private static final long WORK = 10_000_000;

  private static final int NODE_STEPS = 16;
  private static final int CHARS_PER_STEP = 8;
  private static final int COMPARES_PER_STEP = 256;

  private long left = WORK;
  private int depth;
  private int calls;

  static Budget current() {
    return PromptInterpreter.current().budget();
  }

  /// Pays for a node about to be rendered.
  static void beforeNode(Node node, JinjavaInterpreter interpreter) {
    Budget budget = ((PromptInterpreter) interpreter).budget();
    int chars = node.getMaster().getImage().length();
    budget.work(NODE_STEPS);
    budget.text(node instanceof ExpressionNode ? 2L * chars : chars);
  }

  void work(long steps) {
    if (steps > left) {
      throw TemplateException.limit("work", WORK - left + steps, WORK);
    }
    left -= steps;
  }

  /// Pays for evaluating an expression of this many characters.
  void expression(int chars) {
    work(NODE_STEPS + chars / 4);
  }

  /// Pays for reading or making a text of this length.
  void text(long chars) {
    if (chars > TEXT_CHARS) {
      throw TemplateException.limit("text length", chars, TEXT_CHARS);
    }
    work(1 + chars / CHARS_PER_STEP);
  }

  /// Pays for looking for one text in another, at the worst case of the search.
  void search(String text, String part) {
    work(1 + (long) text.length() * (1 + part.length()) / COMPARES_PER_STEP);
  }

  void enter() {
    work(1);
    if (++depth > VALUE_DEPTH) {
      throw TemplateException.limit("value depth", depth, VALUE_DEPTH);
    }
  }

  void leave() {
    depth--;
  }

  /// Enters a macro or one more level of a recursive loop.
  void call() {
    work(NODE_STEPS);
    if (++calls > MACRO_DEPTH) {
      throw TemplateException.limit("macro depth", calls, MACRO_DEPTH);
    }
  }

  void endCall() {
    calls--;
  }
}
