package dev.krait.server;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The signals that ask a server to stop. The virtual machine alone would take the first only.
final class StopSignals {
  private static final Logger LOG = LoggerFactory.getLogger(StopSignals.class);

  private StopSignals() {}

  /// Calls an action for each SIGTERM and SIGINT from now on, on a thread of its own, and lets
  /// SIGHUP pass.
  static void handle(Runnable action) {
    listen("TERM", action);
    listen("INT", action);
    listen("HUP", () -> {});
  }

  /// By reflection: javac warns of every mention of these classes, and there are no others.
  private static void listen(String name, Runnable action) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      InvocationHandler invoked =
          (_, method, _) -> {
            if (method.getName().equals("handle")) {
              action.run();
            }
            return null;
          };
      Object proxy =
          Proxy.newProxyInstance(
              StopSignals.class.getClassLoader(), new Class<?>[] {handler}, invoked);
      Object asked = signal.getConstructor(String.class).newInstance(name);
      var _ = signal.getMethod("handle", signal, handler).invoke(null, asked, proxy);
    } catch (ReflectiveOperationException e) {
      LOG.warn("signal {} keeps its default action: {}", name, e.toString());
    }
  }
}
