package dev.krait.engine;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What was opened one after another, to be closed in the reverse order, each whatever the others
/// throw. The first failure counts and carries the rest as suppressed. Not thread-safe.
public final class Resources implements AutoCloseable {
  private final List<AutoCloseable> opened = new ArrayList<>();

  /// Nothing yet.
  public Resources() {}

  /// Keeps a resource.
  ///
  /// @return the resource
  public <T extends AutoCloseable> T opened(T resource) {
    opened.add(resource);
    return resource;
  }

  /// The kept resources of a type, in the order in which they were opened.
  <T> List<T> of(Class<T> type) {
    return opened.stream().filter(type::isInstance).map(type::cast).toList();
  }

  /// Closes everything after a failure, which carries what closing throws.
  public void closeAfter(Throwable failure) {
    closeAll(failure);
  }

  /// Closes everything; a second time there is nothing left.
  ///
  /// @throws EngineException INTERNAL with the first failure as its cause
  @Override
  public void close() {
    Throwable failure = closeAll(null);
    if (failure != null) {
      throw new EngineException(ErrorCode.INTERNAL, "close failed: " + failure, failure);
    }
  }

  private @Nullable Throwable closeAll(@Nullable Throwable first) {
    Throwable failure = first;
    for (AutoCloseable resource : opened.reversed()) {
      try {
        resource.close();
      } catch (Throwable next) {
        if (failure == null) {
          failure = next;
        } else {
          failure.addSuppressed(next);
        }
      }
    }
    opened.clear();
    return failure;
  }
}
