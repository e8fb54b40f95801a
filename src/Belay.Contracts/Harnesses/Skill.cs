using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>Where a skill comes from. Exactly one member is set.</summary>
[Union]
public sealed record HarnessSkill
{
    /// <summary>A directory in the sandbox.</summary>
    [Bound(Min = 1, Max = 4096)]
    public string? Path { get; init; }

    /// <summary>A prefix in an S3 bucket.</summary>
    public HarnessSkillS3Source? S3 { get; init; }

    /// <summary>A git repository.</summary>
    public HarnessSkillGitSource? Git { get; init; }

    /// <summary>Skills that are part of the image.</summary>
    public HarnessSkillAwsSkillsSource? AwsSkills { get; init; }
}

/// <summary>A skill in an S3 bucket.</summary>
public sealed record HarnessSkillS3Source
{
    /// <summary>Prefix that holds the skill.</summary>
    [Bound(Min = 5, Max = 16383, Pattern = "s3://.*")]
    public required string Uri { get; init; }
}

/// <summary>A skill in a git repository.</summary>
public sealed record HarnessSkillGitSource
{
    /// <summary>HTTPS URL of the repository.</summary>
    [Bound(Min = 8, Max = 16383, Pattern = "https://[^#@]+")]
    public required string Url { get; init; }

    /// <summary>Directory inside the repository.</summary>
    public string? Path { get; init; }

    /// <summary>Credentials of a private repository.</summary>
    public HarnessSkillGitAuth? Auth { get; init; }
}

/// <summary>Credentials of a private git repository.</summary>
public sealed record HarnessSkillGitAuth
{
    /// <summary>The password's provider in the token vault.</summary>
    [Bound(Pattern = Patterns.ApiKeyArn)]
    public required string CredentialArn { get; init; }

    /// <summary>User name; <c>oauth2</c> when left out.</summary>
    public string? Username { get; init; }
}

/// <summary>Skills that are part of the image.</summary>
public sealed record HarnessSkillAwsSkillsSource
{
    /// <summary>Globs that select skills; all when left out.</summary>
    [Bound(Of = Part.Item, Min = 1, Max = 4096, Pattern = @"([^*?\[\]]|\*)+")]
    public IReadOnlyList<string>? Paths { get; init; }
}
