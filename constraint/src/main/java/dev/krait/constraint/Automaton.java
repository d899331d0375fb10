package dev.krait.constraint;

import dev.krait.constraint.Frame.Phase;
import dev.krait.constraint.Frame.Progress;
import dev.krait.constraint.State.Place;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Runs a compiled grammar: a pushdown automaton that follows all ways at once and makes each set
/// of ways one state, once. For one thread at a time.
final class Automaton {
  /// JSON readers stop at depths between 64 and 1000; each level takes one or two frames.
  static final int MAX_DEPTH = 256;

  /// Ways beyond this are dropped: less is allowed, nothing wrong is.
  private static final int MAX_PLACES = 4096;

  private final Languages languages;
  private final Map<Set<Place>, State> complete = new HashMap<>();
  private final Map<Set<Place>, State> incomplete = new HashMap<>();
  private final Map<Frame, Frame> frames = new HashMap<>();

  Automaton(Languages languages) {
    this.languages = languages;
  }

  int states() {
    return complete.size() + incomplete.size();
  }

  /// Forgets the states that nobody holds.
  void clear() {
    complete.clear();
    incomplete.clear();
    frames.clear();
  }

  State start(Node node) {
    Closure closure = new Closure();
    closure.enter(node, null);
    return Objects.requireNonNull(closure.state());
  }

  @Nullable State next(State state, int value) {
    if (state.knows(value)) {
      return state.next(value);
    }
    Closure closure = new Closure();
    for (Place place : state.places) {
      Regex at = languages.next(place.at(), value);
      if (at != null) {
        closure.reach(place.terminal(), at, place.frame());
      }
    }
    State next = closure.state();
    state.put(value, next);
    return next;
  }

  /// Collects the places that are reached without reading anything.
  private final class Closure {
    private final Set<Place> places = new LinkedHashSet<>();
    private final Set<Place> passed = new HashSet<>();
    private final Set<Frame> ended = new HashSet<>();
    private boolean atEnd;

    @Nullable State state() {
      if (places.isEmpty() && !atEnd) {
        return null;
      }
      Map<Set<Place>, State> known = atEnd ? complete : incomplete;
      State state = known.get(places);
      if (state == null) {
        state = new State(List.copyOf(places), atEnd);
        known.put(Set.copyOf(places), state);
      }
      return state;
    }

    void reach(Node.Terminal terminal, Regex at, @Nullable Frame frame) {
      if (at != languages.empty && places.size() < MAX_PLACES) {
        places.add(new Place(terminal, at, frame));
      }
      if (at.nullable && passed.add(new Place(terminal, languages.empty, frame))) {
        enter(terminal.next, frame);
      }
    }

    void enter(Node node, @Nullable Frame frame) {
      switch (node) {
        case Node.Terminal terminal -> reach(terminal, terminal.language, frame);
        case Node.End end -> end(frame);
        case Node.Call call -> {
          if (call.rule.productive) {
            Node body = Objects.requireNonNull(call.rule.body);
            if (call.next instanceof Node.End) {
              enter(body, frame);
            } else {
              push(call.next, Progress.START, frame, body);
            }
          }
        }
        case Node.Fork fork -> fork.ways.forEach(way -> enter(way, frame));
        case Node.Loop loop -> loop(loop, Progress.START, frame);
        case Node.Members members -> members(members, Progress.START, frame);
        case Node.Elements elements -> elements(elements, Progress.START, frame);
      }
    }

    /// Enters a body above a new frame.
    private void push(Node node, Progress progress, @Nullable Frame parent, Node body) {
      if (parent == null || parent.depth < MAX_DEPTH) {
        Frame frame = new Frame(node, progress, parent);
        Frame known = frames.putIfAbsent(frame, frame);
        enter(body, known == null ? frame : known);
      }
    }

    private void end(@Nullable Frame frame) {
      if (frame == null) {
        atEnd = true;
      } else if (ended.add(frame)) {
        switch (frame.node) {
          case Node.Loop loop -> loop(loop, frame.progress, frame.parent);
          case Node.Members members -> members(members, frame.progress, frame.parent);
          case Node.Elements elements -> elements(elements, frame.progress, frame.parent);
          case Node next -> enter(next, frame.parent);
        }
      }
    }

    private void loop(Node.Loop loop, Progress progress, @Nullable Frame parent) {
      int count = progress.count();
      if (loop.max < 0 || count < loop.max) {
        int next = loop.max < 0 ? Math.min(count + 1, loop.min) : count + 1;
        push(loop, new Progress(Phase.VALUE, 0, next, null), parent, loop.body);
      }
      if (count >= loop.min) {
        enter(loop.next, parent);
      }
    }

    private void members(Node.Members members, Progress progress, @Nullable Frame parent) {
      List<Choice> choices = choices(members, progress);
      if (progress.phase() == Phase.VALUE) {
        if (!choices.isEmpty()) {
          push(members, progress.in(Phase.COMMA), parent, members.comma);
        }
      } else {
        for (Choice choice : choices) {
          push(members, choice.after, parent, choice.entry.key());
        }
      }
      if (progress.phase() != Phase.COMMA
          && progress.count() >= members.min
          && missing(members, progress) == 0) {
        enter(members.close, parent);
      }
    }

    private void elements(Node.Elements elements, Progress progress, @Nullable Frame parent) {
      int place = progress.place();
      Node.Rule item = place < elements.first.size() ? elements.first.get(place) : elements.later;
      boolean more = item != null && item.productive && (elements.max < 0 || place < elements.max);
      if (more && progress.phase() == Phase.VALUE) {
        push(elements, progress.in(Phase.COMMA), parent, elements.comma);
      } else if (more) {
        int cap = Math.max(elements.first.size(), elements.min);
        int next = elements.max < 0 ? Math.min(place + 1, cap) : place + 1;
        push(
            elements,
            new Progress(Phase.VALUE, next, 0, null),
            parent,
            Objects.requireNonNull(Objects.requireNonNull(item).body));
      }
      if (progress.phase() != Phase.COMMA && place >= elements.min) {
        enter(elements.close, parent);
      }
    }
  }

  private record Choice(Node.Entry entry, Progress after) {}

  private static boolean seen(Node.Members members, Progress progress, int index) {
    BitSet seen = progress.seen();
    return members.ordered ? index < progress.place() : seen != null && seen.get(index);
  }

  /// How many required entries are still to come.
  private static int missing(Node.Members members, Progress progress) {
    int missing = 0;
    for (int i = 0; i < members.entries.size(); i++) {
      if (members.entries.get(i).required() && !seen(members, progress, i)) {
        missing++;
      }
    }
    return missing;
  }

  /// The entries that may come next such that the object can still be completed.
  private static List<Choice> choices(Node.Members members, Progress progress) {
    List<Choice> choices = new ArrayList<>();
    int missing = missing(members, progress);
    int size = members.entries.size();
    int count =
        members.max < 0 ? Math.min(progress.count() + 1, members.min) : progress.count() + 1;
    int room = members.max < 0 ? Integer.MAX_VALUE : members.max - count;
    boolean blocked = false;
    for (int i = members.ordered ? progress.place() : 0; i < size && !blocked; i++) {
      Node.Entry entry = members.entries.get(i);
      int left = missing - (entry.required() ? 1 : 0);
      int supply = members.others.isEmpty() ? supply(members, progress, i) : Integer.MAX_VALUE;
      if (!seen(members, progress, i)
          && entry.value().productive
          && left <= room
          && count + (long) supply >= members.min) {
        choices.add(new Choice(entry, after(members, progress, i, count)));
      }
      blocked = members.ordered && entry.required();
    }
    if (!blocked && missing <= room && (!members.ordered || missing == 0)) {
      Progress after =
          new Progress(Phase.VALUE, members.ordered ? size : 0, count, progress.seen());
      for (Node.Entry entry : members.others) {
        if (entry.value().productive) {
          choices.add(new Choice(entry, after));
        }
      }
    }
    return choices;
  }

  /// How many entries are left once this one has come.
  private static int supply(Node.Members members, Progress progress, int index) {
    if (members.ordered) {
      return members.entries.size() - index - 1;
    }
    BitSet seen = progress.seen();
    return members.entries.size() - (seen == null ? 0 : seen.cardinality()) - 1;
  }

  private static Progress after(Node.Members members, Progress progress, int index, int count) {
    if (members.ordered) {
      return new Progress(Phase.VALUE, index + 1, count, null);
    }
    BitSet seen = progress.seen() == null ? new BitSet() : (BitSet) progress.seen().clone();
    seen.set(index);
    return new Progress(Phase.VALUE, 0, count, seen);
  }
}
