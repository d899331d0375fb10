"""Python clients of the OpenAI API against a server: each prints a line of JSON for what it tried.

usage: clients.py URL, where URL ends in /v1. The server's chat template must show tools."""
import asyncio, importlib.metadata, json, os, sys
from typing import Literal

URL, MODEL = sys.argv[1], "krait-tiny"
os.environ.update(OPENAI_API_KEY="any", OPENAI_BASE_URL=URL, OPENAI_AGENTS_DISABLE_TRACING="1", LITELLM_LOCAL_MODEL_COST_MAP="True",
                  LANGSMITH_TRACING="false", LANGCHAIN_OPENAI_TCP_KEEPALIVE="0")
import pydantic

QUESTION = [{"role": "user", "content": "What is the moon?"}]


class Animal(pydantic.BaseModel, extra="forbid"):
    kind: Literal["snake", "rabbit"]
    legs: int = pydantic.Field(ge=0, le=8)


class Weather(pydantic.BaseModel, extra="forbid"):
    """The weather of a city"""
    city: Literal["Oslo"]


TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather of a city", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo"]}}, "required": ["city"], "additionalProperties": False}}}


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def oslo(arguments):
    value = json.loads(arguments) if isinstance(arguments, str) else arguments
    check(value == {"city": "Oslo"}, f"arguments {arguments}")


def openai_client():
    import openai
    client = openai.OpenAI(max_retries=0)

    def text():
        answer = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=12, temperature=0)
        check(answer.choices[0].message.content.startswith("The moon"), answer)
        pieces = [chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(
            model=MODEL, messages=QUESTION, max_tokens=12, temperature=0, stream=True)]
        check("".join(pieces) == answer.choices[0].message.content and len(pieces) > 3, pieces)

    def structured():
        answer = client.chat.completions.parse(model=MODEL, messages=QUESTION, response_format=Animal)
        check(isinstance(answer.choices[0].message.parsed, Animal), answer)

    def tools():
        answer = client.chat.completions.create(model=MODEL, messages=QUESTION, tools=[TOOL], tool_choice="required", parallel_tool_calls=False)
        call = answer.choices[0].message.tool_calls[0]
        oslo(call.function.arguments)
        further = QUESTION + [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "Rain"}]
        check(client.chat.completions.create(model=MODEL, messages=further, max_tokens=8).choices[0].message.content, "no answer")

    def responses():
        answer = client.responses.create(model=MODEL, input="What is the moon?", max_output_tokens=12, temperature=0)
        check(answer.output_text.startswith("The moon"), answer)
        check(isinstance(client.responses.parse(model=MODEL, input="A snake", text_format=Animal).output_parsed, Animal), "not parsed")
        with client.responses.stream(model=MODEL, input="What is the moon?", temperature=0) as stream:
            check(stream.get_final_response().output_text.startswith(answer.output_text), "streams another text")

    return {"text": text, "structured": structured, "tools": tools, "responses": responses}


def langchain():
    from langchain_openai import ChatOpenAI
    model = ChatOpenAI(model=MODEL, temperature=0, max_retries=0, max_tokens=400)

    def text():
        whole = model.invoke("What is the moon?").content
        check(whole.startswith("The moon") and "".join(chunk.content for chunk in model.stream("What is the moon?")) == whole, whole)

    def structured():
        check(isinstance(model.with_structured_output(Animal, method="json_schema").invoke("A snake"), Animal), "not parsed")

    def tools():
        calls = model.bind_tools([Weather], tool_choice="any", parallel_tool_calls=False).invoke("The weather?").tool_calls
        check(calls[0]["name"] == "Weather", calls)
        oslo(calls[0]["args"])

    def responses():
        answer = ChatOpenAI(model=MODEL, temperature=0, max_retries=0, use_responses_api=True).invoke("What is the moon?")
        check(answer.text.startswith("The moon") if isinstance(answer.text, str) else answer.text().startswith("The moon"), answer)

    return {"text": text, "structured": structured, "tools": tools, "responses": responses}


def litellm_client():
    import litellm
    model = {"model": f"openai/{MODEL}", "api_base": URL, "api_key": "any", "num_retries": 0}

    def text():
        whole = litellm.completion(messages=QUESTION, max_tokens=12, temperature=0, **model).choices[0].message.content
        pieces = litellm.completion(messages=QUESTION, max_tokens=12, temperature=0, stream=True, **model)
        check("".join(piece.choices[0].delta.content or "" for piece in pieces) == whole and whole.startswith("The moon"), whole)

    def structured():
        Animal.model_validate_json(litellm.completion(messages=QUESTION, response_format=Animal, **model).choices[0].message.content)

    def tools():
        answer = litellm.completion(messages=QUESTION, tools=[TOOL], tool_choice="required", parallel_tool_calls=False, **model)
        oslo(answer.choices[0].message.tool_calls[0].function.arguments)

    def responses():
        answer = litellm.responses(input="What is the moon?", max_output_tokens=12, temperature=0, **model)
        check(answer.output[0].content[0].text.startswith("The moon"), answer)

    return {"text": text, "structured": structured, "tools": tools, "responses": responses}


def instructor_client():
    import instructor, openai

    def parsed(mode):
        client = instructor.from_openai(openai.OpenAI(max_retries=0), mode=mode)
        check(isinstance(client.chat.completions.create(model=MODEL, messages=QUESTION, response_model=Animal, max_retries=1), Animal), "no")

    return {"structured": lambda: parsed(instructor.Mode.JSON_SCHEMA), "tools": lambda: parsed(instructor.Mode.TOOLS)}


def agents_client():
    import agents
    settings = agents.ModelSettings(temperature=0, max_tokens=400)
    loop = asyncio.new_event_loop()

    @agents.function_tool
    def weather(city: Literal["Oslo"]) -> str:
        """The weather of a city"""
        return "Rain in " + city

    def run(**agent):
        return loop.run_until_complete(agents.Runner.run(agents.Agent(name="a", model=MODEL, **agent), "What is the moon?")).final_output

    def text():
        check(run(model_settings=settings).startswith("The moon"), "another text")

    def structured():
        check(isinstance(run(model_settings=settings, output_type=Animal), Animal), "not parsed")

    def tools():
        required = agents.ModelSettings(temperature=0, tool_choice="required", parallel_tool_calls=False)
        check(run(model_settings=required, tools=[weather], tool_use_behavior="stop_on_first_tool") == "Rain in Oslo", "no call")

    # Its default model speaks Responses: all three are that.
    return {"text": text, "structured": structured, "tools": tools, "responses": text}


CLIENTS = {"openai": openai_client, "langchain-openai": langchain, "litellm": litellm_client, "instructor": instructor_client,
           "openai-agents": agents_client}

for name, client in CLIENTS.items():
    row = {"client": name}
    try:
        row["version"] = importlib.metadata.version(name)
        for capability, call in client().items():
            try:
                call()
                row[capability] = "ok"
            except Exception as failure:
                row[capability] = f"{type(failure).__name__}: {str(failure)[:300]}"
    except importlib.metadata.PackageNotFoundError:
        row["version"] = "not installed"
    print(json.dumps(row), flush=True)
