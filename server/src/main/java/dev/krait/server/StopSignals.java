package dev.krait.server;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The signals that ask a server to stop or to read its files again. The virtual machine alone
/// would end at the first.
final class StopSignals {
  private static final Logger LOG = LoggerFactory.getLogger(StopSignals.class);

  private StopSignals() {}

  /// Calls actions for each signal from now on, on threads of their own.
  ///
  /// @param stop for SIGTERM and SIGINT
  /// @param reload for SIGHUP, which does not end the process
  static void handle(Runnable stop, Runnable reload) {
    listen("TERM", stop);
    listen("INT", stop);
    listen("HUP", reload);
  }

  /// Calls an action for each SIGINT from now on, which does not end the process.
  static void onInterrupt(Runnable action) {
    listen("INT", action);
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
