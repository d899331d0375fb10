package dev.krait.engine;

/// What is checked at the door.
///
/// @param vocabSize token ids are below this
/// @param maxModelTokens longest prompt plus output
/// @param maxSequences most sequences that run at once
/// @param maxWaiting most new sequences that wait while all seats are taken; more are refused
public record EngineLimits(int vocabSize, int maxModelTokens, int maxSequences, int maxWaiting) {}
