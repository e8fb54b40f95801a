namespace Belay.Testing.Providers;

/// <summary>A wire format in which providers are spoken to. The set is closed.</summary>
public enum WireFormat
{
    /// <summary>OpenAI's chat completions, and everybody who imitates them.</summary>
    ChatCompletions,

    /// <summary>OpenAI's Responses.</summary>
    Responses,

    /// <summary>Anthropic's Messages.</summary>
    Messages,

    /// <summary>Gemini's generated content.</summary>
    GenerateContent,

    /// <summary>Bedrock's ConverseStream.</summary>
    Converse,
}
