package dev.krait.template;

import java.time.LocalDateTime;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;

/// Python's `strftime` in the C locale.
final class DateText {
  private static final int STEPS = 16;

  private DateText() {}

  static String format(Run run, String format, LocalDateTime time) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%') {
        out.append(c);
        continue;
      }
      run.step(STEPS);
      boolean plain = format.startsWith("-", i + 1);
      i += plain ? 2 : 1;
      if (i >= format.length()) {
        throw TemplateException.evaluation(
            "the date format " + format + " ends within a directive");
      }
      out.append(part(run, format.charAt(i), plain, time));
      run.outputs(out.length());
    }
    return out.toString();
  }

  private static String part(Run run, char directive, boolean plain, LocalDateTime t) {
    int hour = t.getHour() % 12 == 0 ? 12 : t.getHour() % 12;
    int day = t.getDayOfWeek().getValue();
    return switch (directive) {
      case 'a' -> t.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
      case 'A' -> t.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
      case 'b', 'h' -> t.getMonth().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
      case 'B' -> t.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
      case 'c' -> format(run, "%a %b %e %H:%M:%S %Y", t);
      case 'd' -> digits(t.getDayOfMonth(), 2, plain);
      case 'D', 'x' -> format(run, "%m/%d/%y", t);
      case 'e' -> plain ? "" + t.getDayOfMonth() : "%2d".formatted(t.getDayOfMonth());
      case 'f' -> "%06d".formatted(t.getNano() / 1_000);
      case 'F' -> format(run, "%Y-%m-%d", t);
      case 'G' -> "" + t.get(IsoFields.WEEK_BASED_YEAR);
      case 'H' -> digits(t.getHour(), 2, plain);
      case 'I' -> digits(hour, 2, plain);
      case 'j' -> digits(t.getDayOfYear(), 3, plain);
      case 'm' -> digits(t.getMonthValue(), 2, plain);
      case 'M' -> digits(t.getMinute(), 2, plain);
      case 'n' -> "\n";
      case 'p' -> t.getHour() < 12 ? "AM" : "PM";
      case 'R' -> format(run, "%H:%M", t);
      case 'S' -> digits(t.getSecond(), 2, plain);
      case 't' -> "\t";
      case 'T', 'X' -> format(run, "%H:%M:%S", t);
      case 'u' -> "" + day;
      case 'U' -> digits((t.getDayOfYear() + 6 - day % 7) / 7, 2, plain);
      case 'V' -> digits(t.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR), 2, plain);
      case 'w' -> "" + day % 7;
      case 'W' -> digits((t.getDayOfYear() + 6 - (day + 6) % 7) / 7, 2, plain);
      case 'y' -> digits(t.get(ChronoField.YEAR) % 100, 2, plain);
      case 'Y' -> "" + t.getYear();
      case 'z', 'Z' -> ""; // a time without a zone, as datetime.now() gives it
      case '%' -> "%";
      default ->
          throw TemplateException.evaluation(
              "the date format %" + (plain ? "-" : "") + directive + " is not known here");
    };
  }

  private static String digits(int value, int width, boolean plain) {
    return plain ? "" + value : ("%0" + width + "d").formatted(value);
  }
}
