package dev.krait.cuda;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.junit.ArchTests;
import com.tngtech.archunit.lang.ArchRule;
import dev.krait.testing.HouseRules;
import java.util.List;

/// The rules of docs/architecture.md for the CUDA backend.
@AnalyzeClasses(packages = "dev.krait.cuda", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  @ArchTest static final ArchTests houseRules = ArchTests.in(HouseRules.class);

  @ArchTest
  static final ArchRule jcudaStaysInTheDriver =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.krait.cuda.driver")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("jcuda..");

  @ArchTest
  static final ArchRule seesTheSeamAndNothingAboveIt =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.krait.runner..",
              "dev.krait.scheduler..",
              "dev.krait.engine..",
              "dev.krait.speculation..",
              "dev.krait.loading..",
              "dev.krait.backend.cpu..",
              "dev.krait.backend.reference..");

  @ArchTest
  static void theArchitecturePageHasALineForEveryPackage(JavaClasses classes) {
    HouseRules.requireLinesOfArchitecturePage(List.of("cuda", "cuda.driver"));
  }
}
