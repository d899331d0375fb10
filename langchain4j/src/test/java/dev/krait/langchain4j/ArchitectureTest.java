package dev.krait.langchain4j;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.junit.ArchTests;
import dev.krait.testing.HouseRules;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The rules of every module, for this one.
@AnalyzeClasses(packages = "dev.krait.langchain4j", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  @ArchTest static final ArchTests houseRules = ArchTests.in(HouseRules.class);

  @Test
  void theArchitecturePageHasALine() {
    HouseRules.requireLinesOfArchitecturePage(List.of("langchain4j"));
  }
}
