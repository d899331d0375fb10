/// Tests of models by name.
@NullMarked
package dev.krait.server.hub;

import org.jspecify.annotations.NullMarked;
