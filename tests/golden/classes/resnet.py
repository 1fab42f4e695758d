"""ResNet (v1.5, bottlenecks) on images of odd and different sides."""

from transformers import ResNetConfig, ResNetForImageClassification

from .kit import Case


def cases(draw):
    return [Case({"pixel_values": draw.normal(*shape)}, ("logits",)) for shape in ((3, 3, 32, 32), (1, 3, 45, 61))]


def make(goldens):
    config = dict(embedding_size=8, hidden_sizes=[16, 24, 32, 40], depths=[1, 2, 1, 1], num_labels=7)
    goldens.add("resnet", lambda: ResNetForImageClassification(ResNetConfig(**config)), cases, gain=1.4)
