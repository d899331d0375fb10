package dev.krait.server;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/// Which package of the server may use which.
@AnalyzeClasses(packages = "dev.krait.server", importOptions = ImportOption.DoNotIncludeTests.class)
class LayersTest {
  @ArchTest
  static final ArchRule PACKAGES_HAVE_NO_CYCLES =
      slices().matching("dev.krait.server.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule GENERATED_MESSAGES_STAY_IN_GRPC =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.krait.server.grpc..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.krait.proto..", "com.google.protobuf..", "io.grpc..");

  @ArchTest
  static final ArchRule NETTY_STAYS_IN_HTTP =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.krait.server.http..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("io.netty..");

  @ArchTest
  static final ArchRule THE_SERVICE_KNOWS_NO_PROTOCOL =
      noClasses()
          .that()
          .resideInAPackage("dev.krait.server.service..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.krait.server.http..",
              "dev.krait.server.grpc..",
              "dev.krait.server.openai..",
              "dev.krait.server.observability..",
              "tools.jackson..");

  @ArchTest
  static final ArchRule NOTHING_DEPENDS_ON_THE_COMPOSITION_ROOT =
      noClasses()
          .that()
          .resideInAPackage("dev.krait.server.*..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.krait.server")
          .as("nothing depends on the composition root");
}
