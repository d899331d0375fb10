/// What a scrape of a running server says.
@NullMarked
package dev.krait.server.observability;

import org.jspecify.annotations.NullMarked;
