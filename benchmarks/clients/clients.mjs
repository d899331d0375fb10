// Node clients of the OpenAI API against a server: each prints a line of JSON for what it tried.
// usage: node clients.mjs URL, where URL ends in /v1. The server's chat template must show tools.
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { generateObject, generateText, streamText, tool } from "ai";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { z } from "zod";

const baseURL = process.argv[2];
const model = "krait-tiny";
const prompt = "What is the moon?";
const messages = [{ role: "user", content: prompt }];
const Animal = z.object({ kind: z.enum(["snake", "rabbit"]), legs: z.number().int().min(0).max(8) });
const City = z.object({ city: z.enum(["Oslo"]) });

function check(condition, what) {
  if (!condition) throw new Error(JSON.stringify(what).slice(0, 300));
}

function openai() {
  const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
  const parameters = { type: "object", properties: { city: { enum: ["Oslo"] } }, required: ["city"], additionalProperties: false };
  return {
    async text() {
      const whole = (await client.chat.completions.create({ model, messages, max_tokens: 12, temperature: 0 })).choices[0].message.content;
      let text = "";
      for await (const chunk of await client.chat.completions.create({ model, messages, max_tokens: 12, temperature: 0, stream: true })) {
        text += chunk.choices[0]?.delta?.content ?? "";
      }
      check(text === whole && text.startsWith("The moon"), [text, whole]);
    },
    async structured() {
      const answer = await client.chat.completions.parse({ model, messages, response_format: zodResponseFormat(Animal, "animal") });
      Animal.parse(answer.choices[0].message.parsed);
    },
    async tools() {
      const answer = await client.chat.completions.create({
        model, messages, tools: [{ type: "function", function: { name: "weather", parameters } }], tool_choice: "required", parallel_tool_calls: false,
      });
      City.parse(JSON.parse(answer.choices[0].message.tool_calls[0].function.arguments));
    },
    async responses() {
      const answer = await client.responses.create({ model, input: prompt, max_output_tokens: 12, temperature: 0 });
      check(answer.output_text.startsWith("The moon"), answer);
    },
  };
}

function vercel(chat) {
  const settings = { model: chat, maxRetries: 0, temperature: 0 };
  return {
    async text() {
      const whole = (await generateText({ ...settings, prompt, maxOutputTokens: 16 })).text;
      let text = "";
      for await (const piece of streamText({ ...settings, prompt, maxOutputTokens: 16 }).textStream) text += piece;
      check(text === whole && text.startsWith("The moon"), [text, whole]);
    },
    async structured() {
      Animal.parse((await generateObject({ ...settings, prompt, schema: Animal })).object);
    },
    async tools() {
      const weather = tool({ description: "The weather of a city", inputSchema: City });
      const { toolCalls } = await generateText({ ...settings, prompt, tools: { weather }, toolChoice: "required" });
      City.parse(toolCalls[0].input);
    },
  };
}

const compatible = createOpenAICompatible({ name: "krait", baseURL, apiKey: "any", supportsStructuredOutputs: true });
const responses = vercel(createOpenAI({ baseURL, apiKey: "any" }).responses(model));
const clients = {
  openai: openai(),
  "@ai-sdk/openai-compatible": vercel(compatible(model)),
  "@ai-sdk/openai": { ...responses, responses: responses.text },
};

for (const [client, calls] of Object.entries(clients)) {
  const version = JSON.parse(readFileSync(`node_modules/${client}/package.json`, "utf8")).version;
  const row = { client: `${client} (Node)`, version };
  for (const [capability, call] of Object.entries(calls)) {
    try {
      await call();
      row[capability] = "ok";
    } catch (failure) {
      row[capability] = `${failure.name}: ${String(failure.message).slice(0, 300)}`;
    }
  }
  console.log(JSON.stringify(row));
}
