package dev.krait.template;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/// What this module alone promises. The rules of every module hold for it, too: the architecture
/// test of the engine reads its classes.
@AnalyzeClasses(packages = "dev.krait.template", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  @ArchTest
  static final ArchRule nothingBesidesTheJdkIsUsed =
      classes()
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage("dev.krait.template", "java..", "org.jspecify.annotations");

  @ArchTest
  static final ArchRule templatesReachNothingOutside =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "java.io..", "java.nio.file..", "java.lang.reflect..", "java.lang.invoke..")
          .allowEmptyShould(true);

  @ArchTest static final ArchRule nothingPrints = noClasses().should(ACCESS_STANDARD_STREAMS);
}
