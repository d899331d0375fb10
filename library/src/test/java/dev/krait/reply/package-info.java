@NullMarked
package dev.krait.reply;

import org.jspecify.annotations.NullMarked;
