/// Chat models of LangChain4j that run in this process.
@NullMarked
package dev.krait.langchain4j;

import org.jspecify.annotations.NullMarked;
