/// Who may use the server and the threads that read what they send: what both protocols share
/// beside the texts of [dev.krait.service].
@NullMarked
package dev.krait.server.service;

import org.jspecify.annotations.NullMarked;
