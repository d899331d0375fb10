package dev.krait.text.template;

import com.hubspot.jinjava.objects.PyWrapper;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A Python tuple: a list that prints with parentheses.
class Tuple extends ArrayList<@Nullable Object> implements PyWrapper {
  private static final long serialVersionUID = 1L;

  Tuple(Collection<? extends @Nullable Object> items) {
    super(items);
  }

  /// What `groupby` makes: a key and the items that have it.
  static final class Group extends Tuple {
    private static final long serialVersionUID = 1L;

    Group(@Nullable Object key, List<@Nullable Object> items) {
      super(Arrays.asList(key, items));
    }

    @Nullable Object attribute(String name) {
      return switch (name) {
        case "grouper" -> get(0);
        case "list" -> get(1);
        default -> null;
      };
    }
  }
}
