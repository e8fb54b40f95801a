using System.Text.Json;
using System.Text.Json.Serialization;

namespace Belay.Contracts.Operators;

/// <summary>JSON of what only Belay's own operators ask for; no part of the published protocol.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNameCaseInsensitive = false, MaxDepth = 8)]
[JsonSerializable(typeof(LogLevelSetting))]
[JsonSerializable(typeof(BackupRequest))]
public sealed partial class OperatorJson : JsonSerializerContext;
