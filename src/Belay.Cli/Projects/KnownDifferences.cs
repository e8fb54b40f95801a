namespace Belay.Cli.Projects;

/// <summary>
/// What project files of the reference command line may say and Belay has no feature for, with what to write instead. Anything
/// else that is unknown is a misspelling.
/// </summary>
internal static class KnownDifferences
{
    /// <summary>What to do about a key; null when it is simply unknown.</summary>
    public static string? Of(string key, FieldPath path) => key switch
    {
        "harnessName" => "is called name in a project file",
        "clientToken" => "belongs to one request, not to a project; leave it out",
        "dockerfile" => "names a file to build, and Belay builds no images; build it and name it in environmentArtifact.containerConfiguration.containerUri",
        "credentialName" => "names a credential of a project, and Belay's projects hold none; write credentialArn",
        "networkConfig" => "is called networkModeConfig, in environment.agentCoreRuntimeEnvironment.networkConfiguration",
        "vpcId" => "is for building images, which Belay does not; leave it out",
        "name" when path.ToString() == "memory.agentCoreMemoryConfiguration.name" =>
            "names a memory of a project, and Belay's projects hold none; write the memory's arn",
        "<<" => "merges another value, which needs an alias; write the value out",
        _ => null,
    };

    /// <summary>What to do about a value in a map; null when nothing is special about it.</summary>
    public static string? OfValue(string key, YamlNode value) =>
        value is YamlNode.Scalar && key is ("topK" or "relevanceScore") && value.Path.ToString() == $"memory.agentCoreMemoryConfiguration.retrievalConfig.{key}"
            ? $"must stand below a namespace, because each has its own: retrievalConfig: {{\"/users/{{actorId}}\": {{{key}: …}}}}"
            : null;
}
