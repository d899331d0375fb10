/// Tests of what the protocols share.
@NullMarked
package dev.krait.server.service;

import org.jspecify.annotations.NullMarked;
