package dev.krait.text.template;

import com.hubspot.jinjava.objects.PyWrapper;
import java.util.ArrayList;
import java.util.Collection;
import org.jspecify.annotations.Nullable;

/// A Python tuple: a list that prints with parentheses.
final class Tuple extends ArrayList<@Nullable Object> implements PyWrapper {
  private static final long serialVersionUID = 1L;

  Tuple(Collection<? extends @Nullable Object> items) {
    super(items);
  }
}
