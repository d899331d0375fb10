/// Structured output: what a text may look like (a JSON schema, a regular expression, a choice, a
/// grammar) and which tokens may come next in it, as a library without dependencies.
///
/// [Grammar] describes a text, [Constraint] is a grammar made ready, and [Vocabulary] holds the
/// bytes of a model's tokens:
///
/// ```java
/// Constraint constraint = Constraint.compile(Grammar.jsonSchema(schema));
/// State state = constraint.start();
/// TokenMask allowed = constraint.mask(state, vocabulary);
/// state = constraint.advance(state, vocabulary.bytes(token)); // null: the token was not allowed
/// ```
@NullMarked
package dev.krait.constraint;

import org.jspecify.annotations.NullMarked;
