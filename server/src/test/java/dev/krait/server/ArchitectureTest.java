package dev.krait.server;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.junit.ArchTests;
import com.tngtech.archunit.lang.ArchRule;
import dev.krait.testing.HouseRules;
import java.util.Set;
import java.util.stream.Collectors;

/// The rules of docs/architecture.md for the server.
@AnalyzeClasses(packages = "dev.krait.server", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  @ArchTest static final ArchTests houseRules = ArchTests.in(HouseRules.class);

  @ArchTest static final ArchRule httpDoesNotSeeGrpc = blind("http", "dev.krait.server.grpc..");

  @ArchTest
  static final ArchRule grpcDoesNotSeeHttp =
      blind("grpc", "dev.krait.server.http..", "dev.krait.server.openai..");

  @ArchTest
  static final ArchRule theServiceSeesNoProtocol =
      blind(
          "service",
          "dev.krait.server.http..",
          "dev.krait.server.grpc..",
          "dev.krait.server.openai..",
          "dev.krait.server.observability..");

  @ArchTest
  static final ArchRule jsonSeesNoTransport =
      blind("openai", "dev.krait.server.http..", "dev.krait.server.grpc..");

  @ArchTest
  static final ArchRule generatedTypesStopAtGrpc =
      only("grpc", "dev.krait.proto..", "com.google.protobuf..", "io.grpc..");

  @ArchTest
  static final ArchRule nettyStaysInTheServers =
      noClasses()
          .that()
          .resideOutsideOfPackages(
              "dev.krait.server.http..", "dev.krait.server.grpc..", "dev.krait.server.net..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("io.netty..");

  @ArchTest
  static final ArchRule loopsSeeNoProtocol =
      blind("net", "dev.krait.server.http..", "dev.krait.server.grpc..");

  @ArchTest
  static final ArchRule metersStayInObservability = only("observability", "io.micrometer..");

  @ArchTest
  static final ArchRule theServerSeesTheEngineFromOutside =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.krait.backend..",
              "dev.krait.checkpoint..",
              "dev.krait.model..",
              "dev.krait.runner..",
              "dev.krait.sampling..",
              "dev.krait.tensor..");

  @ArchTest
  static void theArchitecturePageHasALineForEveryPackage(JavaClasses classes) {
    Set<String> packages =
        classes.stream()
            .map(JavaClass::getPackageName)
            .map(name -> name.replace("dev.krait.", ""))
            .collect(Collectors.toSet());
    HouseRules.requireLinesOfArchitecturePage(packages);
  }

  private static ArchRule blind(String name, String... packages) {
    return noClasses()
        .that()
        .resideInAPackage("dev.krait.server." + name + "..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(packages);
  }

  private static ArchRule only(String name, String... packages) {
    return noClasses()
        .that()
        .resideOutsideOfPackage("dev.krait.server." + name + "..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(packages);
  }
}
