package dev.krait.testing;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noFields;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.NullMarked;

/// The rules that hold in every module, for its architecture test to include.
public final class HouseRules {
  private HouseRules() {}

  @ArchTest
  static final ArchRule packagesFormNoCycle =
      slices().matching("dev.krait.(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule nothingSleeps =
      noClasses()
          .should()
          .callMethod(Thread.class, "sleep", long.class)
          .orShould()
          .callMethod(Thread.class, "sleep", long.class, int.class)
          .orShould()
          .callMethod(Thread.class, "sleep", Duration.class);

  @ArchTest static final ArchRule staticsAreFinal = fields().that().areStatic().should().beFinal();

  @ArchTest
  static final ArchRule staticsDoNotChange =
      noFields()
          .that()
          .areStatic()
          .should()
          .haveRawType(
              assignableTo(AtomicInteger.class)
                  .or(assignableTo(AtomicLong.class))
                  .or(assignableTo(AtomicBoolean.class))
                  .or(assignableTo(AtomicReference.class))
                  .or(assignableTo(ThreadLocal.class))
                  .or(assignableTo(RandomGenerator.class))
                  .or(assignableTo(AutoCloseable.class)));

  @ArchTest
  static final ArchRule namesSayWhatATypeIs =
      noClasses()
          .should()
          .haveNameMatching(
              ".*[.$](\\w*(Utils?|Utility|Utilities|Impl|Managers?|Helpers?)|(Abstract|Base)[A-Z]\\w*|\\w+Base)");

  @ArchTest
  static void everyPackageIsNullMarked(JavaClasses classes) {
    assertThat(classes)
        .extracting(JavaClass::getPackage)
        .allSatisfy(
            each -> assertThat(each.isAnnotatedWith(NullMarked.class)).as(each.getName()).isTrue());
  }

  /// Fails unless docs/architecture.md has a line for each package, named without `dev.krait`.
  public static void requireLinesOfArchitecturePage(Collection<String> packages) {
    Path repository = Path.of(System.getProperty("krait.repo", ".."));
    try {
      String page = Files.readString(repository.resolve("docs/architecture.md"));
      assertThat(packages).allSatisfy(each -> assertThat(page).contains("\n- `" + each + "`"));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
