/// Files of saved sessions: token ids, states, keys and values of a conversation, checked when they
/// are read.
@NullMarked
package dev.krait.session;

import org.jspecify.annotations.NullMarked;
