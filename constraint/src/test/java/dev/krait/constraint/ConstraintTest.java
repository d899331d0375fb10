package dev.krait.constraint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Which texts a grammar allows, case by case.
class ConstraintTest {
  private static void check(Constraint constraint, String right, String wrong) {
    for (String text : right.split(" ; ", -1)) {
      assertThat(Texts.accepts(constraint, text.replace('\'', '"'))).as(text).isTrue();
    }
    for (String text : wrong.split(" ; ", -1)) {
      assertThat(Texts.accepts(constraint, text.replace('\'', '"'))).as(text).isFalse();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      quoteCharacter = '~',
      value = {
        "{'minimum': -1.5, 'exclusiveMaximum': 10} => -1.5 ; 0 ; 9.99 ; -0.3 ; 'a' ; null => -1.51 ; 10 ; 10.0 ; 100",
        "{'type': 'integer', 'minimum': 100, 'maximum': 2050} => 100 ; 999 ; 2050 => 99 ; 2051 ; 1e3 ; 0100",
        "{'type': 'integer', 'multipleOf': 7} => 0 ; 14 ; -21 => 15 ; 14.5",
        "{'type': 'number', 'multipleOf': 0.05} => 0.15 ; 2 ; 1.0 => 0.16 ; 0.150",
        "{'enum': [1, 2.5, 'a', null, {'k': [1]}]} => 1 ; 2.5 ; 'a' ; null ; {'k': [1]} => 2 ; 'b' ; {'k': [2]} ; {}",
        "{'type': 'string', 'minLength': 2, 'maxLength': 3} => 'ab' ; 'äöü' ; '😀😀' ; '\\n\\u00e4' => 'a' ; 'abcd' ; '\\ud83d'",
        "{'type': 'string', 'pattern': 'b'} => 'abc' ; 'b' => 'ac' ; ''",
        "{'type': 'string', 'pattern': '^(?!ab)[a-c]+$'} => 'ba' ; 'aa' => 'abc' ; 'd'",
        "{'type': 'string', 'pattern': '^a|b$'} => 'ax' ; 'xb' => 'xa' ; 'bx'",
        "{'type': 'string', 'format': 'date'} => '2024-02-29' => '2023-02-29' ; '2024-13-01'",
        "{'type': 'string', 'format': 'ipv6'} => '::1' ; '1:2:3:4:5:6:7:8' ; '::ffff:1.2.3.4' => '1:2' ; ':::'",
        "{'type': 'object', 'properties': {'a': {'type': 'integer'}}, 'additionalProperties': {'type': 'boolean'}, 'required': ['b']} => {'a': 1, 'b': true} ; {'b': false} => {'a': 1} ; {'a': true, 'b': true} ; {'b': 1}",
        "{'type': 'object', 'patternProperties': {'^x': {'type': 'integer'}, 'y$': {'minimum': 5}}, 'additionalProperties': false} => {'x': 1} ; {'xy': 5} ; {'ay': 7} => {'xy': 4} ; {'b': 1}",
        "{'type': 'object', 'minProperties': 1, 'maxProperties': 2} => {'a': 1} ; {'a': 1, 'b': 2} => {} ; {'a': 1, 'b': 2, 'c': 3}",
        "{'type': 'object', 'propertyNames': {'pattern': '^[a-z]$'}} => {'a': 1} => {'A': 1} ; {'ab': 1}",
        "{'type': 'array', 'prefixItems': [{'type': 'integer'}], 'items': {'type': 'string'}, 'minItems': 1, 'maxItems': 3} => [1] ; [1, 'a', 'b'] => [] ; ['a'] ; [1, 2] ; [1, 'a', 'b', 'c']",
        "{'oneOf': [{'type': 'integer'}, {'minimum': 2, 'type': 'number'}]} => 1 ; 2.5 => 3 ; 1.5",
        "{'type': 'object', 'oneOf': [{'required': ['a']}, {'required': ['b']}]} => {'a': 1} ; {'b': 1, 'c': 2} => {} ; {'a': 1, 'b': 2}",
        "{'not': {'type': 'string'}} => 1 ; {} => 'a'",
        "{'not': {'enum': [1, 'a']}} => 2 ; 'b' ; 11 => 1 ; 1.0 ; 'a'",
        "{'type': 'integer', 'if': {'minimum': 10}, 'then': {'multipleOf': 5}, 'else': {'multipleOf': 2}} => 4 ; 15 => 5 ; 12",
        "{'type': 'object', 'dependentRequired': {'a': ['b']}} => {} ; {'b': 1} ; {'a': 1, 'b': 1} => {'a': 1}",
        "{'allOf': [{'properties': {'a': {'minimum': 3}}}, {'properties': {'a': {'maximum': 5}}}], 'type': 'object'} => {'a': 4} ; {} => {'a': 2} ; {'a': 6}",
        "{'$defs': {'n': {'type': 'object', 'properties': {'next': {'$ref': '#/$defs/n'}}, 'additionalProperties': false}}, '$ref': '#/$defs/n'} => {} ; {'next': {'next': {}}} => {'next': 1} ; {'prev': {}}",
        "true => 1 ; [{'a': [null, true, -1.5e3]}] => tru ; [1,] ; 01",
      })
  void aSchemaAllowsItsValuesAlone(String schema, String right, String wrong) {
    check(Constraint.compile(Grammar.jsonSchema(Texts.json(schema), false)), right, wrong);
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      quoteCharacter = '~',
      value = {
        "{'type': 'array', 'uniqueItems': true} => uniqueItems",
        "{'contains': {}} => contains",
        "{'type': 'object', 'unevaluatedProperties': false} => unevaluatedProperties",
        "{'not': {'items': {'type': 'string'}}} => not",
        "{'type': 'objekt'} => type",
        "{'$ref': '#/nothing'} => $ref",
        "{'allOf': [{'$ref': '#'}]} => $ref",
        "{'pattern': 'a\\\\b'} => pattern",
        "{'pattern': '(('} => pattern",
        "{'minLength': -1} => minLength",
        "{'required': 5} => required",
        "{'type': 'string', 'enum': [1]} => schema",
        "{'$defs': {'a': {'type': 'object', 'properties': {'a': {'$ref': '#/$defs/a'}}, 'required': ['a']}}, '$ref': '#/$defs/a'} => schema",
      })
  void whatCannotBeHeldIsRefusedByItsKeyword(String schema, String keyword) {
    assertThatThrownBy(() -> Constraint.compile(Grammar.jsonSchema(Texts.json(schema), false)))
        .isInstanceOfSatisfying(
            ConstraintException.class, e -> assertThat(e.keyword()).isEqualTo(keyword));
  }

  @Test
  void compilingHasABudgetOfStatesAndOfTime() {
    assertThatThrownBy(() -> new Encoding(new Languages(20, System.nanoTime() + (1L << 40)), true))
        .isInstanceOfSatisfying(
            ConstraintException.class, e -> assertThat(e.keyword()).isEqualTo("states"));
    Languages late = new Languages(100_000, System.nanoTime() - 1);
    assertThatThrownBy(() -> late.text("x".repeat(1_000)))
        .isInstanceOfSatisfying(
            ConstraintException.class, e -> assertThat(e.keyword()).isEqualTo("time"));
  }

  @Test
  void propertiesOfAnOrderedSchemaComeInItsOrder() {
    Object schema =
        Texts.json(
            "{'type': 'object', 'properties': {'a': {'type': 'null'}, 'b': {'type': 'null'}, 'c': {'type': 'null'}}, 'required': ['b']}");
    check(
        Constraint.compile(Grammar.jsonSchema(schema, true)),
        "{'a': null, 'b': null, 'd': 1} ; {'b': null, 'c': null}",
        "{'b': null, 'a': null} ; {'d': 1, 'b': null} ; {'b': null, 'b': null}");
    check(
        Constraint.compile(Grammar.jsonSchema(schema, false)),
        "{'b': null, 'a': null} ; {'d': 1, 'b': null}",
        "{'b': null, 'b': null} ; {'a': null}");
  }

  @Test
  void grammarsArePutTogether() {
    Grammar call =
        Grammar.sequence(
            Grammar.text("<call>"),
            Grammar.jsonSchema(Map.of("type", "integer"), true),
            Grammar.text("</call>"));
    check(
        Constraint.compile(
            Grammar.sequence(
                new Grammar.Free(List.of("<")), Grammar.repeat(call, 1, 2), Grammar.text("."))),
        "<call>1</call>. ; so: <call>12</call><call>3</call>.",
        "<call>1</call> ; <b><call>1</call>. ; none.");
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      quoteCharacter = '~',
      value = {
        "root ::= \"a\" b* [^x-z\\n]{2}\\nb ::= \"(\" root \")\" | \"\\x41\" # end => aAbc ; a(abb)cd => axy ; a ; aAbcd",
        "root ::= root \"+\" n | n\\nn ::= [0-9]+ => 1 ; 1+22+3 => + ; 1+",
        "start: \"x\"i /a+/ [B] // end\\nB: \"b\" | \"c\" \"d\" -> two => xa ; Xaab ; xacd => a ; xabb",
        "%import common.INT -> N\\n?start: N (\",\" N)~2 => 1,2,3 => 1,2",
      })
  void grammarsInTextAreRead(String grammar, String right, String wrong) {
    check(Constraint.compile(Grammar.ebnf(grammar.replace("\\n", "\n"))), right, wrong);
  }

  /// The automaton of the expression has more states than can be made while a step waits.
  @Test
  void aMaskThatWouldTakeTooMuchWorkAllowsLess() {
    Random random = new Random(3);
    byte[][] tokens = new byte[40_000][];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = new byte[24];
      for (int j = 0; j < 24; j++) {
        tokens[i][j] = (byte) (random.nextBoolean() ? 'a' : 'b');
      }
    }
    Vocabulary vocabulary = new Vocabulary(tokens);
    Constraint text = Constraint.compile(Grammar.pattern("[ab]*a[ab]{30}"));
    assertThat(text.mask(text.start(), vocabulary).count()).isBetween(1, tokens.length - 1);
    Constraint string =
        Constraint.compile(
            Grammar.jsonSchema(Map.of("type", "string", "pattern", "^[ab]*a[ab]{30}$"), true));
    State inside = Objects.requireNonNull(string.advance(string.start(), new byte[] {'"'}));
    TokenMask mask = string.mask(inside, vocabulary);
    assertThat(mask.count()).isBetween(1, tokens.length - 1);
    assertThat(mask.toBitSet().stream())
        .allMatch(token -> string.advance(inside, token, vocabulary) != null);
  }

  @Test
  void aStateThatWasLeftIsAsItWas() {
    Constraint constraint = Constraint.compile(Grammar.pattern("ab*c"));
    State behindA =
        Objects.requireNonNull(constraint.advance(constraint.start(), new byte[] {'a'}));
    List<Integer> before = constraint.allowedBytes(behindA);
    assertThat(constraint.advance(behindA, new byte[] {'b', 'b', 'c'})).isNotNull();
    assertThat(constraint.advance(behindA, new byte[] {'x'})).isNull();
    assertThat(constraint.allowedBytes(behindA)).isEqualTo(before).containsExactly(98, 99);
  }
}
