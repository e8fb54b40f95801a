using System.Text;
using System.Text.Json.Nodes;
using Belay.Models;

namespace Belay.Tests.Models;

/// <summary>What providers really say of a conversation that is too long, and what sounds like it and is not.</summary>
public sealed class ProviderErrorTests
{
    [Theory]
    [InlineData(400, "context_length_exceeded", "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens. Please reduce the length of the messages.")]
    [InlineData(400, "invalid_request_error", "This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens.")]
    [InlineData(400, "invalid_request_error", "Your input exceeds the context window of this model. Please adjust your input and try again.")]
    [InlineData(429, "rate_limit_exceeded", "Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Requested 45000. The input or output tokens must be reduced in order to run successfully.")]
    [InlineData(413, "rate_limit_exceeded", "Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 7500, please reduce your message size and try again.")]
    [InlineData(413, "request_too_large", "Request exceeds the maximum allowed number of bytes.")]
    [InlineData(400, "invalid_request_error", "prompt is too long: 202609 tokens > 200000 maximum")]
    [InlineData(400, "invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length or `max_tokens` and try again")]
    [InlineData(400, "ValidationException", "Input is too long for requested model.")]
    [InlineData(400, "ValidationException", "The model returned the following errors: Input is too long for requested model.")]
    [InlineData(400, "ValidationException", "The model returned the following errors: too many total text bytes: 30000000 > 25000000")]
    [InlineData(400, "ValidationException", "Too many input tokens. Max input tokens: 8192, request input token count: 9279")]
    [InlineData(400, "ValidationException", "Malformed input request: expected maxLength: 50000, actual: 52611, please reformat your input and try again.")]
    [InlineData(400, "INVALID_ARGUMENT", "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).")]
    [InlineData(400, "INVALID_ARGUMENT", "Unable to submit request because the input token count is 40000 but the model supports up to 32768.")]
    [InlineData(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes.")]
    [InlineData(400, "invalid_request_error", "This model's maximum prompt length is 131072 but the request contains 136973 tokens.")]
    [InlineData(400, "invalid_request_error", "Please reduce the length of the messages or completion.")]
    [InlineData(400, "exceed_context_size_error", "the request exceeds the available context size. try increasing the context size or enable context shift")]
    [InlineData(400, "", "The number of tokens to keep from the initial prompt is greater than the context length.")]
    [InlineData(400, "BadRequestError", "The decoder prompt (length 70000) is longer than the maximum model length of 32768.")]
    [InlineData(422, "validation", "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000")]
    [InlineData(422, "invalid_request_error", "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens and 512 `max_new_tokens`")]
    [InlineData(400, "invalid_request_error", "Invalid request: Your request exceeded model token limit: 8192")]
    [InlineData(400, "InvalidParameter", "Range of input length should be [1, 30720]")]
    [InlineData(400, "", "too many tokens: total number of tokens in the prompt cannot exceed 4081")]
    public void Overflow_IsRecognised(int status, string code, string message)
    {
        var failure = ProviderError.FromResponse("one", status, type: null, Body(code, message), retryAfter: null);

        Assert.Equal(ModelFailure.ContextTooLong, failure.Failure);
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(429, "ThrottlingException", "Too many tokens, please wait before trying again.", ModelFailure.Throttled)]
    [InlineData(429, "rate_limit_exceeded", "Rate limit reached for gpt-4o: Limit 30000, Used 29000, Requested 4000.", ModelFailure.Throttled)]
    [InlineData(400, "invalid_request_error", "max_tokens is too large: 100000.", ModelFailure.Refused)]
    [InlineData(400, "invalid_request_error", "Invalid value for 'tool_choice'.", ModelFailure.Refused)]
    [InlineData(400, "string_above_max_length", "Invalid 'tools[0].function.name': string too long.", ModelFailure.Refused)]
    [InlineData(500, "api_error", "prompt is too long", ModelFailure.Throttled)]
    public void WhatSoundsLikeIt_IsNot(int status, string code, string message, ModelFailure expected) =>
        Assert.Equal(expected, ProviderError.FromResponse("one", status, type: null, Body(code, message), retryAfter: null).Failure);

    [Theory]
    [InlineData("context_length_exceeded", "Your input exceeds the context window of this model.", ModelFailure.ContextTooLong)]
    [InlineData("validationException", "Input is too long for requested model.", ModelFailure.ContextTooLong)]
    [InlineData("throttlingException", "Too many tokens, please wait before trying again.", ModelFailure.Throttled)]
    public void InAStream_TheTextDecides(string code, string message, ModelFailure expected) =>
        Assert.Equal(expected, ProviderError.FromStream("one", status: null, code, message).Failure);

    [Theory]
    [InlineData(0)]
    [InlineData(970)]
    [InlineData(990)]
    [InlineData(995)]
    [InlineData(2000)]
    public void Secret_ThatAProviderRepeats_IsNotRepeated_NorWhatTheEndOfTheMessageLeavesOfIt(int at)
    {
        const string Secret = "sk-0123456789abcdef0123";
        var text = new string('x', at) + Secret + " is no key";

        var refused = ProviderError.Redacted(ProviderError.FromResponse("one", 401, type: null, Body("", text), retryAfter: null), Secret).Message;
        var broken = ProviderError.Redacted(ProviderError.FromStream("one", status: null, "", text), Secret).Message;

        Assert.DoesNotContain(Secret[..4], refused, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret[..4], broken, StringComparison.Ordinal);
        Assert.EndsWith(" (HTTP 401)", refused, StringComparison.Ordinal);
    }

    private static byte[] Body(string code, string message) =>
        Encoding.UTF8.GetBytes(new JsonObject { ["error"] = new JsonObject { ["code"] = code, ["message"] = message } }.ToJsonString());
}
