package dev.krait.server.http;

import io.netty.channel.Channel;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/// The open connections of clients: how many there may be, and which are idle. Any thread.
final class Connections {
  private final int limit;
  private final ReentrantLock lock = new ReentrantLock();

  /// Connections between two requests, the one that is idle for longest first.
  private final Set<Channel> idle = new LinkedHashSet<>();

  private int open;

  /// No connection yet.
  Connections(int limit) {
    this.limit = limit;
  }

  /// Counts a new connection. Beyond the limit the longest idle one is closed for it.
  ///
  /// @return false when none is idle: the new one has to go
  boolean opened() {
    Channel longestIdle = null;
    lock.lock();
    try {
      open++;
      if (open <= limit) {
        return true;
      }
      if (!idle.isEmpty()) {
        longestIdle = idle.iterator().next();
        idle.remove(longestIdle);
      }
    } finally {
      lock.unlock();
    }
    if (longestIdle == null) {
      return false;
    }
    var _ = longestIdle.close();
    return true;
  }

  /// A connection is closed.
  void closed(Channel channel) {
    lock.lock();
    try {
      open--;
      idle.remove(channel);
    } finally {
      lock.unlock();
    }
  }

  /// Nothing is to be answered on a connection, and no request has begun.
  void idle(Channel channel) {
    lock.lock();
    try {
      idle.remove(channel);
      if (channel.isActive()) {
        idle.add(channel);
      }
    } finally {
      lock.unlock();
    }
  }

  /// A request has begun.
  void busy(Channel channel) {
    lock.lock();
    try {
      idle.remove(channel);
    } finally {
      lock.unlock();
    }
  }
}
