/// Tests that hold for every backend: the scenarios of [OpScenarios] run on each and are compared
/// with the scalar reference, and the same work split in different ways gives the same bits.
@NullMarked
package dev.krait.backend;

import org.jspecify.annotations.NullMarked;
