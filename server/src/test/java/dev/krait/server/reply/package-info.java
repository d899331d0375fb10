@NullMarked
package dev.krait.server.reply;

import org.jspecify.annotations.NullMarked;
