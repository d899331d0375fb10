package dev.krait.engine;

/// A session at a glance.
///
/// @param name of the session
/// @param tokens from the start of the conversation that are held: the next turn starts behind them
///   where it begins alike; 0 when nothing is held, or not any more
/// @param bytes of a copy of what is held; several sessions may share it
public record SessionInfo(String name, int tokens, long bytes) {}
