package dev.krait.constraint;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/// What this module alone promises. The rules of every module hold for it, too: the architecture
/// test of the engine reads its classes.
@AnalyzeClasses(packages = "dev.krait.constraint", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  @ArchTest
  static final ArchRule nothingBesidesTheJdkIsUsed =
      classes()
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage("dev.krait.constraint", "java..", "org.jspecify.annotations");

  @ArchTest
  static final ArchRule constraintsReachNothingOutside =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("java.io..", "java.nio.file..", "java.lang.reflect..")
          .allowEmptyShould(true);

  @ArchTest static final ArchRule nothingPrints = noClasses().should(ACCESS_STANDARD_STREAMS);
}
