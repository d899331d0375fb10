package dev.krait;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.junit.ArchTests;
import com.tngtech.archunit.junit.LocationProvider;
import com.tngtech.archunit.lang.ArchRule;
import dev.krait.testing.HouseRules;
import java.util.Set;
import java.util.stream.Collectors;

/// The rules of docs/architecture.md for the library.
@AnalyzeClasses(locations = ArchitectureTest.Own.class, importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  /// The classes of this module alone.
  static final class Own implements LocationProvider {
    @Override
    public Set<Location> get(Class<?> testClass) {
      return Set.of(Location.of(Krait.class.getProtectionDomain().getCodeSource().getLocation()));
    }
  }

  @ArchTest static final ArchTests houseRules = ArchTests.in(HouseRules.class);

  @ArchTest
  static final ArchRule repliesSeeTextAlone =
      blind("reply", "dev.krait", "dev.krait.service..", "dev.krait.engine..");

  @ArchTest static final ArchRule theServiceDoesNotSeeItsCallers = blind("service", "dev.krait");

  @ArchTest
  static final ArchRule theLibrarySeesTheEngineFromOutside =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.krait.backend..",
              "dev.krait.checkpoint..",
              "dev.krait.model..",
              "dev.krait.runner..",
              "dev.krait.sampling..",
              "dev.krait.tensor..",
              "dev.krait.server..",
              "io..");

  @ArchTest static final ArchRule nothingPrints = noClasses().should(ACCESS_STANDARD_STREAMS);

  @ArchTest
  static void theArchitecturePageHasALineForEveryPackage(JavaClasses classes) {
    HouseRules.requireLinesOfArchitecturePage(
        classes.stream()
            .map(JavaClass::getPackageName)
            .map(name -> name.equals("dev.krait") ? "krait" : name.replace("dev.krait.", ""))
            .collect(Collectors.toSet()));
  }

  private static ArchRule blind(String name, String... packages) {
    return noClasses()
        .that()
        .resideInAPackage("dev.krait." + name)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(packages);
  }
}
