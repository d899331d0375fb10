package dev.krait.text.jinja;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.util.Locale;

/// C's `strftime` in the C locale, for a local time without a zone.
final class Strftime {
  private static final int MAX_FORMAT = 256;

  private Strftime() {}

  static String format(LocalDateTime time, String format) {
    if (format.length() > MAX_FORMAT) {
      throw TemplateException.limit("date format", format.length(), MAX_FORMAT);
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 == format.length()) {
        text.append(c);
        continue;
      }
      char directive = format.charAt(++i);
      boolean unpadded = directive == '-' && i + 1 < format.length();
      if (unpadded) {
        directive = format.charAt(++i);
      }
      String field = field(time, directive);
      text.append(unpadded ? field.replaceFirst("^[0 ]+(?=.)", "") : field);
    }
    return text.toString();
  }

  private static String field(LocalDateTime time, char directive) {
    return switch (directive) {
      case 'a' -> pattern(time, "EEE");
      case 'A' -> pattern(time, "EEEE");
      case 'b', 'h' -> pattern(time, "MMM");
      case 'B' -> pattern(time, "MMMM");
      case 'c' -> format(time, "%a %b %e %H:%M:%S %Y");
      case 'C' -> two(time.getYear() / 100);
      case 'd' -> two(time.getDayOfMonth());
      case 'D', 'x' -> format(time, "%m/%d/%y");
      case 'e' -> String.format("%2d", time.getDayOfMonth());
      case 'f' -> String.format("%06d", time.getNano() / 1000);
      case 'F' -> format(time, "%Y-%m-%d");
      case 'H' -> two(time.getHour());
      case 'I' -> two((time.getHour() + 11) % 12 + 1);
      case 'j' -> String.format("%03d", time.getDayOfYear());
      case 'm' -> two(time.getMonthValue());
      case 'M' -> two(time.getMinute());
      case 'n' -> "\n";
      case 'p' -> time.getHour() < 12 ? "AM" : "PM";
      case 'R' -> format(time, "%H:%M");
      case 'S' -> two(time.getSecond());
      case 't' -> "\t";
      case 'T', 'X' -> format(time, "%H:%M:%S");
      case 'u' -> Integer.toString(time.getDayOfWeek().getValue());
      case 'w' -> Integer.toString(time.getDayOfWeek().getValue() % 7);
      case 'y' -> two(time.getYear() % 100);
      case 'Y' -> Integer.toString(time.getYear());
      case 'z', 'Z' -> "";
      case '%' -> "%";
      default -> "%" + directive;
    };
  }

  private static String pattern(LocalDateTime time, String pattern) {
    DateTimeFormatter formatter =
        new DateTimeFormatterBuilder().appendPattern(pattern).toFormatter(Locale.ENGLISH);
    return formatter.format(time);
  }

  private static String two(int number) {
    return String.format("%02d", number);
  }
}
