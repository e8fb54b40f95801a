using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Bundles;
using Belay.Contracts.Doctor;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Identity;
using Belay.Contracts.Invocations;
using Belay.Contracts.Replays;
using Belay.Contracts.Runtimes;
using Belay.Contracts.Sessions;
using Belay.Contracts.Tags;
using Belay.Contracts.Usages;
using Belay.Contracts.Verification;

namespace Belay.Contracts;

/// <summary>The one JSON context of the wire: camel case, absent members omitted, times in ISO 8601 with milliseconds.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    PropertyNameCaseInsensitive = false,
    NumberHandling = JsonNumberHandling.Strict,
    RespectNullableAnnotations = false,
    MaxDepth = MaxDepth,
    Converters = [typeof(WireTimeConverter), typeof(WireIntegerConverter)])]
[JsonSerializable(typeof(CreateHarnessRequest))]
[JsonSerializable(typeof(CreateHarnessResponse))]
[JsonSerializable(typeof(GetHarnessRequest))]
[JsonSerializable(typeof(GetHarnessResponse))]
[JsonSerializable(typeof(UpdateHarnessRequest))]
[JsonSerializable(typeof(UpdateHarnessResponse))]
[JsonSerializable(typeof(DeleteHarnessRequest))]
[JsonSerializable(typeof(DeleteHarnessResponse))]
[JsonSerializable(typeof(ListHarnessesRequest))]
[JsonSerializable(typeof(ListHarnessesResponse))]
[JsonSerializable(typeof(ListHarnessVersionsRequest))]
[JsonSerializable(typeof(ListHarnessVersionsResponse))]
[JsonSerializable(typeof(CreateHarnessEndpointRequest))]
[JsonSerializable(typeof(CreateHarnessEndpointResponse))]
[JsonSerializable(typeof(GetHarnessEndpointRequest))]
[JsonSerializable(typeof(GetHarnessEndpointResponse))]
[JsonSerializable(typeof(UpdateHarnessEndpointRequest))]
[JsonSerializable(typeof(UpdateHarnessEndpointResponse))]
[JsonSerializable(typeof(DeleteHarnessEndpointRequest))]
[JsonSerializable(typeof(DeleteHarnessEndpointResponse))]
[JsonSerializable(typeof(ListHarnessEndpointsRequest))]
[JsonSerializable(typeof(ListHarnessEndpointsResponse))]
[JsonSerializable(typeof(TagResourceRequest))]
[JsonSerializable(typeof(UntagResourceRequest))]
[JsonSerializable(typeof(ListTagsForResourceRequest))]
[JsonSerializable(typeof(ListTagsForResourceResponse))]
[JsonSerializable(typeof(PutResourcePolicyRequest))]
[JsonSerializable(typeof(PutResourcePolicyResponse))]
[JsonSerializable(typeof(GetResourcePolicyRequest))]
[JsonSerializable(typeof(GetResourcePolicyResponse))]
[JsonSerializable(typeof(DeleteResourcePolicyRequest))]
[JsonSerializable(typeof(BelayModelParameters))]
[JsonSerializable(typeof(InvokeHarnessRequest))]
[JsonSerializable(typeof(HarnessMessageStartEvent))]
[JsonSerializable(typeof(HarnessContentBlockStartEvent))]
[JsonSerializable(typeof(HarnessContentBlockDeltaEvent))]
[JsonSerializable(typeof(HarnessContentBlockStopEvent))]
[JsonSerializable(typeof(HarnessMessageStopEvent))]
[JsonSerializable(typeof(HarnessMetadataEvent))]
[JsonSerializable(typeof(InvokeAgentRuntimeCommandRequest))]
[JsonSerializable(typeof(InvokeAgentRuntimeCommandResponse))]
[JsonSerializable(typeof(ResponseChunk))]
[JsonSerializable(typeof(StopRuntimeSessionRequest))]
[JsonSerializable(typeof(StopRuntimeSessionResponse))]
[JsonSerializable(typeof(ListSessionsRequest))]
[JsonSerializable(typeof(ListSessionsResponse))]
[JsonSerializable(typeof(GetSessionRequest))]
[JsonSerializable(typeof(GetSessionResponse))]
[JsonSerializable(typeof(ForkSessionRequest))]
[JsonSerializable(typeof(ForkSessionResponse))]
[JsonSerializable(typeof(ReadJournalRequest))]
[JsonSerializable(typeof(ReadJournalResponse))]
[JsonSerializable(typeof(JournalEntry))]
[JsonSerializable(typeof(StartInvocationRequest))]
[JsonSerializable(typeof(StartInvocationResponse))]
[JsonSerializable(typeof(CancelInvocationRequest))]
[JsonSerializable(typeof(CancelInvocationResponse))]
[JsonSerializable(typeof(SteerInvocationRequest))]
[JsonSerializable(typeof(OpenChannelRequest))]
[JsonSerializable(typeof(OpenSessionChannelRequest))]
[JsonSerializable(typeof(ChannelMessage))]
[JsonSerializable(typeof(ChannelReply))]
[JsonSerializable(typeof(ReadEventsRequest))]
[JsonSerializable(typeof(ReadEventsResponse))]
[JsonSerializable(typeof(SessionEvent))]
[JsonSerializable(typeof(InvocationStartedNotice))]
[JsonSerializable(typeof(InvocationPausedNotice))]
[JsonSerializable(typeof(ModelVoidedNotice))]
[JsonSerializable(typeof(ModelSwitchedNotice))]
[JsonSerializable(typeof(SteeredNotice))]
[JsonSerializable(typeof(InvocationEndedNotice))]
[JsonSerializable(typeof(SandboxStartedNotice))]
[JsonSerializable(typeof(SandboxEndedNotice))]
[JsonSerializable(typeof(CommandStartedNotice))]
[JsonSerializable(typeof(CommandOutputNotice))]
[JsonSerializable(typeof(CommandEndedNotice))]
[JsonSerializable(typeof(ExportSessionRequest))]
[JsonSerializable(typeof(ImportSessionRequest))]
[JsonSerializable(typeof(ImportSessionResponse))]
[JsonSerializable(typeof(ReplaySessionRequest))]
[JsonSerializable(typeof(ReplaySessionResponse))]
[JsonSerializable(typeof(ReplayProgress))]
[JsonSerializable(typeof(ListTracesRequest))]
[JsonSerializable(typeof(ListTracesResponse))]
[JsonSerializable(typeof(GetTraceRequest))]
[JsonSerializable(typeof(GetTraceResponse))]
[JsonSerializable(typeof(ReadLogsRequest))]
[JsonSerializable(typeof(ReadLogsResponse))]
[JsonSerializable(typeof(LogLine))]
[JsonSerializable(typeof(GetUsageRequest))]
[JsonSerializable(typeof(GetUsageResponse))]
[JsonSerializable(typeof(CreateKeyRequest))]
[JsonSerializable(typeof(CreateKeyResponse))]
[JsonSerializable(typeof(ListKeysResponse))]
[JsonSerializable(typeof(DeleteKeyRequest))]
[JsonSerializable(typeof(CreateTokenRequest))]
[JsonSerializable(typeof(CreateTokenResponse))]
[JsonSerializable(typeof(ListTokensResponse))]
[JsonSerializable(typeof(DeleteTokenRequest))]
[JsonSerializable(typeof(CreateTicketResponse))]
[JsonSerializable(typeof(CreateApiKeyCredentialProviderRequest))]
[JsonSerializable(typeof(CreateApiKeyCredentialProviderResponse))]
[JsonSerializable(typeof(GetApiKeyCredentialProviderRequest))]
[JsonSerializable(typeof(GetApiKeyCredentialProviderResponse))]
[JsonSerializable(typeof(UpdateApiKeyCredentialProviderRequest))]
[JsonSerializable(typeof(UpdateApiKeyCredentialProviderResponse))]
[JsonSerializable(typeof(DeleteApiKeyCredentialProviderRequest))]
[JsonSerializable(typeof(ListApiKeyCredentialProvidersRequest))]
[JsonSerializable(typeof(ListApiKeyCredentialProvidersResponse))]
[JsonSerializable(typeof(GetTokenVaultRequest))]
[JsonSerializable(typeof(GetTokenVaultResponse))]
[JsonSerializable(typeof(SetTokenVaultCMKRequest))]
[JsonSerializable(typeof(SetTokenVaultCMKResponse))]
[JsonSerializable(typeof(CreateWorkloadIdentityRequest))]
[JsonSerializable(typeof(CreateWorkloadIdentityResponse))]
[JsonSerializable(typeof(GetWorkloadIdentityRequest))]
[JsonSerializable(typeof(GetWorkloadIdentityResponse))]
[JsonSerializable(typeof(UpdateWorkloadIdentityRequest))]
[JsonSerializable(typeof(UpdateWorkloadIdentityResponse))]
[JsonSerializable(typeof(DeleteWorkloadIdentityRequest))]
[JsonSerializable(typeof(ListWorkloadIdentitiesRequest))]
[JsonSerializable(typeof(ListWorkloadIdentitiesResponse))]
[JsonSerializable(typeof(GetWorkloadAccessTokenRequest))]
[JsonSerializable(typeof(GetWorkloadAccessTokenResponse))]
[JsonSerializable(typeof(GetWorkloadAccessTokenForJWTRequest))]
[JsonSerializable(typeof(GetWorkloadAccessTokenForJWTResponse))]
[JsonSerializable(typeof(GetWorkloadAccessTokenForUserIdRequest))]
[JsonSerializable(typeof(GetWorkloadAccessTokenForUserIdResponse))]
[JsonSerializable(typeof(GetResourceApiKeyRequest))]
[JsonSerializable(typeof(GetResourceApiKeyResponse))]
[JsonSerializable(typeof(ExamineResponse))]
[JsonSerializable(typeof(VerifyJournalsRequest))]
[JsonSerializable(typeof(VerifyJournalsResponse))]
[JsonSerializable(typeof(VerificationStep))]
[JsonSerializable(typeof(GetHarnessSettingsRequest))]
[JsonSerializable(typeof(PutHarnessSettingsRequest))]
[JsonSerializable(typeof(HarnessSettingsResponse))]
[JsonSerializable(typeof(KnownSettings))]
[JsonSerializable(typeof(Dictionary<string, string>))]
public sealed partial class BelayJson : JsonSerializerContext
{
    /// <summary>Deepest nesting of any JSON that enters.</summary>
    public const int MaxDepth = 64;
}

/// <summary>Times on the wire: UTC, ISO 8601, three fractional digits, <c>Z</c>.</summary>
public sealed class WireTimeConverter : JsonConverter<DateTimeOffset>
{
    private const string Format = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    /// <inheritdoc/>
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        DateTimeOffset.Parse(reader.GetString()!, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString(Format, CultureInfo.InvariantCulture));
}

/// <summary>JSON values as the bytes that they came in. Whatever a model or tool put into them goes out again, half a surrogate pair in an escape
/// included, which the ordinary way would refuse.</summary>
public sealed class RawJsonConverter : JsonConverter<JsonElement>
{
    /// <inheritdoc/>
    public override JsonElement Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => JsonElement.ParseValue(ref reader);

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, JsonElement value, JsonSerializerOptions options) =>
        writer.WriteRawValue(JsonMarshal.GetRawUtf8Value(value), skipInputValidation: true);
}

/// <summary>Integers on the wire: a number of 32 bits without a fraction; <c>3.0</c> is read as 3, because some clients have only floats.</summary>
public sealed class WireIntegerConverter : JsonConverter<int>
{
    /// <inheritdoc/>
    public override int Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TryGetInt32(out var number))
        {
            return number;
        }

        return reader.TryGetDouble(out var real) && IsInteger(real) ? (int)real : throw new JsonException("The number is no integer of 32 bits.");
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, int value, JsonSerializerOptions options) => writer.WriteNumberValue(value);

    /// <summary>Whether a number that was written with a fraction or an exponent is an integer all the same.</summary>
    internal static bool IsInteger(double real) => real is >= int.MinValue and <= int.MaxValue && Math.Truncate(real) == real;
}
