package dev.krait.benchmarks;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.junit.ArchTests;
import dev.krait.testing.HouseRules;

/// The rules of every module for the benchmarks.
@AnalyzeClasses(
    packages = "dev.krait.benchmarks",
    importOptions = {DoNotIncludeTests.class, ArchitectureTest.NotGenerated.class})
class ArchitectureTest {
  @ArchTest static final ArchTests houseRules = ArchTests.in(HouseRules.class);

  /// Leaves out what JMH generates.
  static final class NotGenerated implements ImportOption {
    @Override
    public boolean includes(Location location) {
      return !location.contains("/jmh_generated/");
    }
  }
}
